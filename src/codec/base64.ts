// Base64 as it has to be: of every sequence of bytes there is one text (RFC 4648, section 4, with padding).

/** Null for any other text: what Node mends (other alphabets, spaces, missing padding, bits behind the last byte) differs when it is encoded again. */
export function readBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}
