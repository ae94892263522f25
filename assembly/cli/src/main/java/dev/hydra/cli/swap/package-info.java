/**
 * Swaps of components of a running model: asked for by commands over a socket, or by jars in
 * folders.
 */
@NullMarked
package dev.hydra.cli.swap;

import org.jspecify.annotations.NullMarked;
