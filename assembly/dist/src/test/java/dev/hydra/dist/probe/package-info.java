/** Classes that the tests pack into plugins of their own. */
@NullMarked
package dev.hydra.dist.probe;

import org.jspecify.annotations.NullMarked;
