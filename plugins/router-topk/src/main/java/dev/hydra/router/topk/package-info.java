/** Routers that give each token, or each chunk of tokens, the k experts with the highest scores. */
@NullMarked
package dev.hydra.router.topk;

import org.jspecify.annotations.NullMarked;
