/**
 * Routers that give each token, or each chunk of tokens, the k experts with the highest scores, or
 * those that a hash of the token names.
 */
@NullMarked
package dev.hydra.router.topk;

import org.jspecify.annotations.NullMarked;
