export { PromptAdminService, type PromptVersion, type WantedPrompt } from '../prompt-admin.service'
export { PLACES, renderPrompt, unknownPlaces, type Prompt, type PromptMerge, type PromptWords } from '../domain/prompt'
