package dev.hydra.serve;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A request cannot be answered; the client is told why in the form of the protocol. */
final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final int status;
  private final String type;
  private final @Nullable String parameter;
  private final @Nullable String code;

  ApiException(
      int status, String type, String message, @Nullable String parameter, @Nullable String code) {
    super(message);
    this.status = status;
    this.type = type;
    this.parameter = parameter;
    this.code = code;
  }

  /** A field of the request is wrong. */
  static ApiException field(String name, String problem) {
    return new ApiException(400, "invalid_request_error", name + " " + problem, name, null);
  }

  /** The request as a whole is wrong. */
  static ApiException request(String problem) {
    return new ApiException(400, "invalid_request_error", problem, null, null);
  }

  /** The server cannot answer now, or not at all. */
  static ApiException server(int status, String problem) {
    return new ApiException(status, "server_error", problem, null, null);
  }

  int status() {
    return status;
  }

  /** The object {@code error} of the answer. */
  Map<String, @Nullable Object> error() {
    Map<String, @Nullable Object> error = new LinkedHashMap<>();
    error.put("message", String.valueOf(getMessage()));
    error.put("type", type);
    error.put("param", parameter);
    error.put("code", code);
    Map<String, @Nullable Object> answer = new LinkedHashMap<>();
    answer.put("error", error);
    return answer;
  }
}
