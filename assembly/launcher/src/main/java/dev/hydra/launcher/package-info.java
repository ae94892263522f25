/**
 * Starts the OSGi framework inside this process, loads the plugins and runs the command line. It is
 * on the class path together with LibTorch and the framework API, which the system bundle exports
 * to every plugin: native libraries are loaded once, however often plugins are replaced.
 */
@NullMarked
package dev.hydra.launcher;

import org.jspecify.annotations.NullMarked;
