/** Tests of how runs are compared. */
@NullMarked
package dev.hydra.cli.compare;

import org.jspecify.annotations.NullMarked;
