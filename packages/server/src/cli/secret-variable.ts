/** The environment variable that has the secret of tokens, where no file has. */
export const SECRET_VARIABLE = "HOLDFAST_JWT_SECRET";
