interface Logprob {
  token: string
  logprob: number
  bytes?: number[]
  top_logprobs?: Logprob[]
}

/** A log probability per piece: certain for the piece itself, and `top − 1` empty runners-up. `bytes` of an empty token is left out by Ollama and empty elsewhere. */
export function logprobsOf(pieces: string[], top: number, emptyBytes: 'omit' | 'list'): Logprob[] {
  return pieces.map((token) => {
    const own: Logprob = { token, logprob: 0, bytes: [...Buffer.from(token)] }
    const runnerUp: Logprob = {
      token: '',
      logprob: -29.994239807128906,
      ...(emptyBytes === 'list' ? { bytes: [] } : {}),
    }
    const others = Array.from({ length: Math.max(0, top - 1) }, () => runnerUp)
    return { ...own, ...(top > 0 || emptyBytes === 'list' ? { top_logprobs: top > 0 ? [own, ...others] : [] } : {}) }
  })
}
