/** Tests that run the distribution as a user would. */
@NullMarked
package dev.hydra.dist;

import org.jspecify.annotations.NullMarked;
