import type { StandaloneFile } from './data-folder'

/** What `npm start` prints: at most 20 lines, every curl line works when pasted. */
export function banner(file: StandaloneFile, about: { isSandbox: boolean; redis: string; dataDir: string; startedInMs: number }): string[] {
  const standard = file.tenants.find((tenant) => tenant.tier === 'standard') ?? file.tenants[0]!
  const auth = `-H 'authorization: Bearer ${standard.api_key}'`
  return [
    `Tollgate serves on ${file.base_url}  (ready in ${(about.startedInMs / 1000).toFixed(1)} s; Postgres and ${about.redis} embedded, for development; data in ${about.dataDir})`,
    about.isSandbox ? 'No Ollama answered, so three SANDBOX hosts stand in: their text is not written by a model. Set OLLAMA_BASE_URL to use a real one.' : `Models come from ${file.hosts[0]?.base_url}.`,
    '',
    ...file.tenants.map((tenant) => `  ${tenant.tier.padEnd(10)} ${tenant.home_region.padEnd(12)} ${tenant.api_key}`),
    `  operator   ${file.operator.email}  ${file.operator.password}`,
    '',
    `curl ${file.base_url}/chat ${auth} -d '{"message":"Hello"}'`,
    `curl -N ${file.base_url}/chat ${auth} -d '{"message":"Hello","stream":true}'`,
    `curl ${file.base_url}/v1/chat/completions ${auth} -d '{"model":"llama3.2","messages":[{"role":"user","content":"Hello"}]}'`,
    `curl ${file.base_url}/models ${auth}`,
    `curl ${file.base_url}/cost-report ${auth}`,
    `curl ${file.base_url}/auth/login -d '{"email":"${file.operator.email}","password":"${file.operator.password}"}'`,
    '',
    `Ctrl-C stops everything. Both planes are described at ${file.base_url}/openapi.json.`,
  ]
}
