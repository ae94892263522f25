/** Tests of the page that follows runs. */
@NullMarked
package dev.hydra.cli.watch;

import org.jspecify.annotations.NullMarked;
