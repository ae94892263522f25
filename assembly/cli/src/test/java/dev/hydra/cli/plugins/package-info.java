/** Tests of the command line in this process, with real plugins, models and sockets. */
@NullMarked
package dev.hydra.cli.plugins;

import org.jspecify.annotations.NullMarked;
