export { createBody, readModelfile } from '../domain/modelfile'
export { RecipeService } from '../recipe.service'
