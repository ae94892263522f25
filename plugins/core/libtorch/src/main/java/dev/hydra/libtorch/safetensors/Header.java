package dev.hydra.libtorch.safetensors;

import java.util.List;
import java.util.Map;

/**
 * The header of a file.
 *
 * @param metadata free texts by name, in the file's order
 * @param tensors in the file's order
 */
record Header(Map<String, String> metadata, List<TensorInfo> tensors) {
  /** The key of the free texts; no tensor may have this name. */
  static final String METADATA = "__metadata__";

  /** The largest header that is read or written, in bytes; the limit of the reference library. */
  static final long LIMIT = 100_000_000;
}
