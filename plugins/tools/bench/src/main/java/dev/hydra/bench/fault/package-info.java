/** A component plugin that misbehaves. It is never loaded from here, but from jars made of it. */
@NullMarked
package dev.hydra.bench.fault;

import org.jspecify.annotations.NullMarked;
