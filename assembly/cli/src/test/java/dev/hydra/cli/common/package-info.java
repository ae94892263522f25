/** Tests of the command line in this process, with real plugins, models and sockets. */
@NullMarked
package dev.hydra.cli.common;

import org.jspecify.annotations.NullMarked;
