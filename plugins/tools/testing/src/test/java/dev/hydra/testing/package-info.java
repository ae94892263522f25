/** Tests of the test helpers: planted mistakes must be found. */
@NullMarked
package dev.hydra.testing;

import org.jspecify.annotations.NullMarked;
