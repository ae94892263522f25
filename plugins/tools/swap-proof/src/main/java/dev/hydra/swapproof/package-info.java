/**
 * A plugin that misbehaves on purpose. Its jar is never installed: {@code hydra bench swap} copies
 * these classes into jars of their own, one for each fault, and shows that each is refused.
 */
@NullMarked
package dev.hydra.swapproof;

import org.jspecify.annotations.NullMarked;
