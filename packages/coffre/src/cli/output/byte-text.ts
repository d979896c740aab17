/** Bytes as text that loses none: a byte that is not UTF-8 is carried as a lone surrogate (byte E9 as U+DCE9). */

const utf8Character =
  /[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

/** @param bytes one byte per char */
export function carriedText(bytes: string): string {
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  if (!text.includes('\ufffd')) return text;
  return bytes.replace(utf8Character, (character) =>
    character.length === 1 && character >= '\x80'
      ? String.fromCharCode(0xdc00 + character.charCodeAt(0))
      : Buffer.from(character, 'latin1').toString('utf8'),
  );
}
