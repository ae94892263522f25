/** Tests of how runs are compared. */
@NullMarked
package dev.hydra.cli.page;

import org.jspecify.annotations.NullMarked;
