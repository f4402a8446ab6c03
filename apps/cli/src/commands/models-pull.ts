import type { Command } from '../command'
import { conclude, watchJobs, type Queued } from '../job-watch'
import { given, list, WHERE_OPTIONS } from '../option-values'

export const modelsPull: Command = {
  name: 'models pull',
  args: ['<model>'],
  summary: 'bring a model onto the Ollama hosts, with a progress bar for each',
  options: WHERE_OPTIONS,
  async run(call) {
    const { args, options, api, show } = call
    const queued = await api.json<Queued>('POST', '/admin/models/pull', given({ model: args[0], hosts: list(options, 'hosts'), regions: list(options, 'regions') }))
    if (options.detach === true) return show(queued, `${queued.message}. \`tollgate jobs list\` shows how far it is.`)
    return conclude(call, queued, await watchJobs(call, queued.jobs))
  },
}
