const FIRST_MS = 500
const MOST_MS = 60_000

/** How long a server is left alone after so many failures in a row: half a second, doubled, a minute at most. */
export function backoffMs(failures: number): number {
  return failures <= 0 ? 0 : Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 20))
}
