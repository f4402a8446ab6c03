export { costOf, priceInForce, providerPriceInForce, type Price, type PriceQuery } from './price'
export { countWords, lowEstimatePromptTokens, upperBoundCost, upperBoundPromptTokens } from './estimate'
export { COST_CURRENCY, hostShareCost, reportedCost } from './provider-cost'
