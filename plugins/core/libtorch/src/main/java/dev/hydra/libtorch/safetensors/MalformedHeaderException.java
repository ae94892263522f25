package dev.hydra.libtorch.safetensors;

/**
 * Says that a header is wrong; whoever knows the file turns this into a {@link
 * SafetensorsException}.
 */
final class MalformedHeaderException extends Exception {
  private static final long serialVersionUID = 1;

  final String problem;

  MalformedHeaderException(String problem) {
    super(problem);
    this.problem = problem;
  }

  MalformedHeaderException(String problem, Throwable cause) {
    super(problem, cause);
    this.problem = problem;
  }
}
