import type { Command } from '../command'
import { conclude, watchJobs, type Queued } from '../job-watch'
import { fileText, given, list, text, WHERE_OPTIONS } from '../option-values'

export const modelsCreate: Command = {
  name: 'models create',
  args: ['<model>'],
  summary: 'make a model from a Modelfile on the hosts that hold its base',
  options: { file: { type: 'string', short: 'f', summary: 'the Modelfile, - for standard input; otherwise the one kept from before' }, ...WHERE_OPTIONS },
  async run(call) {
    const { args, options, api, terminal, show } = call
    const path = text(options, 'file')
    const modelfile = path === undefined ? undefined : await fileText(terminal, path)
    const queued = await api.json<Queued>('POST', `/admin/models/create/${encodeURIComponent(args[0]!)}`, given({ modelfile, hosts: list(options, 'hosts'), regions: list(options, 'regions') }))
    if (options.detach === true) return show(queued, `${queued.message}. \`tollgate jobs list\` shows how far it is.`)
    return conclude(call, queued, await watchJobs(call, queued.jobs))
  },
}
