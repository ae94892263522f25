/** Tests of the command line in this process, with real plugins, models and sockets. */
@NullMarked
package dev.hydra.cli.swap;

import org.jspecify.annotations.NullMarked;
