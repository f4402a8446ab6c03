/** Injection token of the validated environment (`ClusterConfig`). */
export const CONFIG = 'CONFIG'
