export { costOf, priceInForce, type Price, type PriceQuery } from './price'
export { countWords, lowEstimatePromptTokens, upperBoundCost, upperBoundPromptTokens } from './estimate'
