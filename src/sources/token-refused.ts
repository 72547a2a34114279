/** A token that is not believed. The message says why, and never holds the token. */
export class TokenRefused extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'TokenRefused';
  }
}
