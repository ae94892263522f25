package dev.hydra.huggingface;

import java.util.Map;

/** A component as a published model describes it. */
interface ComponentAdapter {
  /** The component's options as we write them, {@code type} first; nested ones are maps. */
  Map<String, Object> options();

  /** Adds the component's tensors. */
  void map(Mappings tensors);
}
