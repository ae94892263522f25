/** Planted for the test of arrows. */
@NullMarked
package dev.hydra.planted.internal;

import org.jspecify.annotations.NullMarked;
