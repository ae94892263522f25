package dev.hydra.cli.watch;

/** Ends a request with a status and what is wrong, in words. */
final class HttpProblem extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final int status;

  HttpProblem(int status, String message) {
    super(message);
    this.status = status;
  }

  int status() {
    return status;
  }
}
