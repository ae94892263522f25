@NullMarked
package dev.hydra.router.topk;

import org.jspecify.annotations.NullMarked;
