package dev.hydra.libtorch.safetensors;

/**
 * Says that a header is wrong; whoever knows the file turns this into a {@link
 * SafetensorsException}.
 */
final class MalformedHeaderException extends Exception {
  private static final long serialVersionUID = 1;

  final String problem;

  /** Creates the exception with the problem, in words. */
  MalformedHeaderException(String problem) {
    super(problem);
    this.problem = problem;
  }

  /** Creates the exception with the problem, in words, and the cause. */
  MalformedHeaderException(String problem, Throwable cause) {
    super(problem, cause);
    this.problem = problem;
  }
}
