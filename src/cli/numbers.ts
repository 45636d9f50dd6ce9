// Numbers as options of the command line.

import { InvalidArgumentError } from 'commander'

/** A reader of whole numbers in these bounds; what it throws Commander explains. */
export function integerFrom(least: number, greatest: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (/^\d{1,9}$/.test(text) && number >= least && number <= greatest) return number
    throw new InvalidArgumentError(`It should be a whole number from ${least} to ${greatest}.`)
  }
}
