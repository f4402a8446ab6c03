/** Which call a numbered fragment belongs to. Some vendors number every parallel call 0: a name with another id begins another. */
export class CallNumbers {
  /** The call that began last under each number, and the id its upstream gave it. */
  private readonly last = new Map<string, { readonly id: string | null; readonly key: string }>()

  /** @param id of a fragment that names a tool; null of any other, whatever id it repeats or makes up */
  keyOf(choice: number, number: number, id: unknown): string {
    const place = `${choice}/${number}`
    const given = typeof id === 'string' && id !== '' ? id : null
    const last = this.last.get(place)
    if (last && (given === null || last.id === null || given === last.id)) return last.key
    const key = last ? `i${number} ${given}` : `i${number}`
    this.last.set(place, { id: given, key })
    return key
  }
}
