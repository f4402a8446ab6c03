/** What the work gives within so many ms. @throws when it takes longer: a store that swallows packets never answers */
export async function within<T>(mostMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error('no answer in time')), mostMs)))
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
