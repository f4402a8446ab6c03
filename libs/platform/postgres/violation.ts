/** Name of the constraint a failed statement violated (unique, foreign key or check); null for any other error. */
export function violatedConstraint(error: unknown): string | null {
  const { code, constraint } = ((error as { driverError?: unknown }).driverError ?? error) as { code?: string; constraint?: string }
  return code?.startsWith('23') && constraint ? constraint : null
}
