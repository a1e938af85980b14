/** Version of the checks, weights and caps. */
export const RUBRIC = '1.1'
