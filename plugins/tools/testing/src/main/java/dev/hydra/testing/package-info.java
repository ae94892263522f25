/** What tests of several modules share; never part of a distribution. */
@NullMarked
package dev.hydra.testing;

import org.jspecify.annotations.NullMarked;
