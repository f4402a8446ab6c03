import { refuse, RefusalError, type Caller } from '@tollgate/kernel'

/** The project a new conversation counts to: the key's own, else the named one. @throws RefusalError when it is not this key's */
export function projectIdOf({ key, projects }: Caller, slug: string | undefined): string | null {
  if (slug === undefined) return key.projectId
  const project = projects.find((candidate) => candidate.slug === slug)
  if (!project || (key.projectId !== null && key.projectId !== project.id)) throw new RefusalError(refuse('project_not_found', { project: slug }))
  return project.id
}
