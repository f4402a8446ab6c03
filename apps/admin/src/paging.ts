/** A page as the wire has it: `next` is what the following call sends as `after`. */
export interface Page<T> {
  readonly data: T[]
  readonly has_more: boolean
  readonly next: string | null
}

/** Asks for one more than wanted, which tells whether there is another page without counting. */
export async function pageOf<Row, Wire>(
  query: { after?: string; limit: number },
  read: (page: { after?: string; limit: number }) => Promise<readonly Row[]>,
  cursorOf: (row: Row) => string,
  wireOf: (row: Row) => Wire,
): Promise<Page<Wire>> {
  const rows = await read({ ...query, limit: query.limit + 1 })
  const page = rows.slice(0, query.limit)
  const hasMore = rows.length > query.limit
  return { data: page.map(wireOf), has_more: hasMore, next: hasMore ? cursorOf(page.at(-1)!) : null }
}
