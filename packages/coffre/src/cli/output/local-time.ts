/** Instants as people read them: in the zone of this machine. */

const two = (value: number): string => String(value).padStart(2, '0');

/** `2006-01-02 15:04:05` in local time. */
export function formatLocalTime(instant: Date): string {
  const day = `${String(instant.getFullYear()).padStart(4, '0')}-${two(instant.getMonth() + 1)}-${two(instant.getDate())}`;
  return `${day} ${two(instant.getHours())}:${two(instant.getMinutes())}:${two(instant.getSeconds())}`;
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/**
 * A snapshot's time as restic writes it in sentences: `2006-01-02 15:04:05.999 +0100 CET`, in the zone of the text.
 * Text that is not RFC 3339 comes back as it is.
 */
export function formatZonedTime(text: string): string {
  const found = rfc3339.exec(text);
  if (found === null) return text;
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = found;
  const digits = fraction.replace(/0+$/, '').replace(/^\.$/, '');
  return `${year}-${month}-${day} ${hour}:${minute}:${second}${digits} ${zoneText(zone, new Date(text))}`;
}

function zoneText(zone: string, instant: Date): string {
  if (zone === 'Z' || zone === 'z') return '+0000 UTC';
  const offset = zone.replace(':', '');
  if (offsetOf(instant) !== offset) return `${offset} ${offset}`;
  const name = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' })
    .formatToParts(instant)
    .find((part) => part.type === 'timeZoneName')?.value;
  return `${offset} ${name === undefined || /^GMT[+-]/.test(name) ? offset : name}`;
}

/** `+0100`: the offset of this machine's zone at that instant. */
function offsetOf(instant: Date): string {
  const minutes = -instant.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.trunc(size / 60))}${two(size % 60)}`;
}

/** The name shown under tables of local times; restic knows only TZ's own text. */
export function zoneName(tz: string | undefined): string {
  if (tz === undefined) return 'local time';
  if (tz === '') return 'UTC';
  return tz.replace(/^:/, '');
}
