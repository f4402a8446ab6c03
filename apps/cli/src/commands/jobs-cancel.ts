import type { Command } from '../command'
import type { Job } from '../job-watch'

export const jobsCancel: Command = {
  name: 'jobs cancel',
  args: ['<id>'],
  summary: 'end a job that is queued or running',
  async run({ args, api, show }) {
    const job = await api.json<Job>('POST', `/admin/jobs/${encodeURIComponent(args[0]!)}/cancel`)
    show(job, `${job.kind} of ${job.model} on ${job.host}: ${job.state}`)
  },
}
