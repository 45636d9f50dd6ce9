// Vectors of canonical JSON: any JSON text, and the one text of its value.

import { canonicalJson, isCanonicalJson, parseJson } from '../../src/codec/json.ts'
import { demand } from './forms.ts'

const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

/** Input and canonical form; alone when they are the same. */
const CANONICAL: readonly (readonly [string, string?])[] = [
  ['null'],
  [' true ', 'true'],
  ['\t\r\nfalse\n', 'false'],
  ['0'],
  ['-0', '0'],
  ['0.0', '0'],
  ['-0.000e10', '0'],
  ['0e999999999', '0'],
  ['1.0', '1'],
  ['1.50', '1.5'],
  ['100', '100'],
  ['1e2', '100'],
  ['1E+2', '100'],
  ['12.34e1', '123.4'],
  ['12.34e2', '1234'],
  ['12.34e3', '12340'],
  ['12.34e-1', '1.234'],
  ['12.34e-2', '0.1234'],
  ['12.34e-3', '0.01234'],
  ['-12.340e-0003', '-0.01234'],
  ['0.001e3', '1'],
  ['1200e-2', '12'],
  ['9007199254740993', '9007199254740993'],
  ['0.1000000000000000055511151231257827', '0.1000000000000000055511151231257827'],
  ['1e999', `1${'0'.repeat(999)}`],
  ['1e-999', `0.${'0'.repeat(998)}1`],
  [`${'9'.repeat(1000)}`],
  [`0.${'0'.repeat(2000)}1e2001`, '1'],
  [`1${'0'.repeat(2000)}e-2000`, '1'],
  ['""'],
  ['"a"'],
  ['"\\u0061\\u00e9"', '"aé"'],
  ['"\\/"', '"/"'],
  ['"\\"\\\\\\b\\f\\n\\r\\t"'],
  ['"\\u0008\\u0009\\u000A\\u000c\\u000D\\u0022\\u005C"', '"\\b\\t\\n\\f\\r\\"\\\\"'],
  ['"\\u0001\\u000b\\u000E\\u001F\\u0020"', '"\\u0001\\u000b\\u000e\\u001f "'],
  ['"\\u007f\\u0080\\u2028\\u2029\\ufeff"', '"\u007f\u0080\u2028\u2029\ufeff"'],
  ['"\\ud83d\\ude00"', '"\u{1f600}"'],
  ['"\u{1f600}"'],
  ['"\\uFFFF\\ufdd0"', '"\uffff\ufdd0"'],
  ['"e\u0301"'],
  ['[]'],
  ['[ ]', '[]'],
  ['[ 1 , [ ] , { } ]', '[1,[],{}]'],
  ['{}'],
  ['{ }', '{}'],
  ['{"b":1,"a":2}', '{"a":2,"b":1}'],
  ['{"aa":1,"a":2,"":3,"B":4}', '{"":3,"B":4,"a":2,"aa":1}'],
  ['{"\u{10000}":1,"\ufffd":2}', '{"\ufffd":2,"\u{10000}":1}'],
  ['{"\\ud800\\udc00":1,"\\uffff":2,"\\u20ac":3}', '{"\u20ac":3,"\uffff":2,"\u{10000}":1}'],
  ['{"10":1,"9":2,"1":3}', '{"1":3,"10":1,"9":2}'],
  ['{"\\n":1,"\\t":2,"\\u0001":3}', '{"\\u0001":3,"\\t":2,"\\n":1}'],
  ['{"__proto__":1,"constructor":2}', '{"__proto__":1,"constructor":2}'],
  ['{"a" : {"d":[{"y":1,"x":2}],"c":null}}', '{"a":{"c":null,"d":[{"x":2,"y":1}]}}'],
  [deep(64)],
  [`${'{"a":'.repeat(64)}1${'}'.repeat(64)}`],
]

const REFUSED: readonly (readonly [string, string])[] = [
  ['', 'empty'],
  [' ', 'empty'],
  ['nul', 'no JSON'],
  ['nulll', 'something behind it'],
  ['True', 'no JSON'],
  ['NaN', 'no JSON'],
  ['Infinity', 'no JSON'],
  ['-Infinity', 'no JSON'],
  ['-', 'no digits'],
  ['+1', 'plus'],
  ['01', 'leading zero'],
  ['-01', 'leading zero'],
  ['1.', 'no digits behind the point'],
  ['.5', 'no digit before the point'],
  ['1e', 'no digits of the exponent'],
  ['1e+', 'no digits of the exponent'],
  ['0x10', 'hexadecimal'],
  ['1_000', 'underscore'],
  ['1 2', 'something behind it'],
  ['\u0661', 'digits of another script'],
  ['\ufeff1', 'a byte order mark'],
  ['\u00a01', 'a space that JSON does not know'],
  ['1e1000', '1,001 digits'],
  ['1e-1000', '1,001 digits'],
  ['9'.repeat(1001), '1,001 digits'],
  ['[1e999999999]', 'too many digits'],
  ['1e99999999999999999999999', 'too many digits'],
  ['1e-99999999999999999999999', 'too many digits'],
  ['"', 'it does not end'],
  ['"a', 'it does not end'],
  ['"\\', 'it does not end'],
  ["'a'", 'single quotes'],
  ['"\n"', 'a control character as it is'],
  ['"\t"', 'a control character as it is'],
  ['"\\x41"', 'no such escape'],
  ['"\\u12"', 'no such escape'],
  ['"\\u12g4"', 'no such escape'],
  ['"\\U0041"', 'no such escape'],
  ['"\\u0000"', 'U+0000'],
  ['{"a\\u0000":1}', 'U+0000 in a name'],
  ['"\\ud800"', 'a lone surrogate'],
  ['"\\udc00"', 'a lone surrogate'],
  ['"\\ud800a"', 'a lone surrogate'],
  ['"\\ud800\\ud800"', 'lone surrogates'],
  ['"\\udc00\\ud800"', 'surrogates the wrong way round'],
  ['{"\\ud800":1}', 'a lone surrogate in a name'],
  ['[', 'it does not end'],
  [']', 'no JSON'],
  ['[1', 'it does not end'],
  ['[1,', 'it does not end'],
  ['[1,]', 'a comma too many'],
  ['[,1]', 'a comma too many'],
  ['[1 2]', 'a comma is missing'],
  ['[1}', 'the wrong bracket'],
  ['{', 'it does not end'],
  ['{"a"}', 'a name without a value'],
  ['{"a":}', 'a name without a value'],
  ['{"a":1,}', 'a comma too many'],
  ['{a:1}', 'a name without quotes'],
  ['{1:1}', 'a name without quotes'],
  ['{"a":1 "b":2}', 'a comma is missing'],
  ['{"a":1,"a":1}', 'a name twice'],
  ['{"a":1,"\\u0061":2}', 'a name twice, written differently'],
  ['[{"x":{"b":1,"c":2,"b":3}}]', 'a name twice, deep inside'],
  ['// a\n1', 'a comment'],
  ['/* a */1', 'a comment'],
  [deep(65), '65 levels'],
  [`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`, '65 levels'],
  ['['.repeat(20_000), 'very many levels'],
]

export function canonicalJsonVectors() {
  const canonical = CANONICAL.map(([input, expected = input]) => {
    demand(`canonical form of ${input}`, canonicalTextOf(input), expected)
    demand(`${expected} is canonical`, isCanonicalJson(expected), true)
    demand(`${input} is canonical`, isCanonicalJson(input), input === expected)
    return { input, canonical: expected }
  })
  const refused = REFUSED.map(([input, why]) => {
    demand(`canonical form of ${input}`, canonicalTextOf(input), null)
    demand(`${input} is canonical`, isCanonicalJson(input), false)
    return { input, why }
  })
  return { canonical, refused }
}

function canonicalTextOf(input: string): string | null {
  const parsed = parseJson(input)
  const result = parsed.type === 'parsed' ? canonicalJson(parsed.value) : parsed
  return result.type === 'canonical' ? result.text : null
}
