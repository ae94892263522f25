package dev.hydra.api.host;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * Runs commands. A plugin offers it as a service; the host runs the one that is ranked highest, and
 * ends with its exit code.
 */
@ConsumerType
@FunctionalInterface
public interface CommandLine {
  /**
   * Runs one command to its end.
   *
   * @param arguments as they were given to the process
   * @return the exit code: 0 done, 1 failed, 2 wrong use or configuration, 130 interrupted
   */
  int run(String[] arguments);
}
