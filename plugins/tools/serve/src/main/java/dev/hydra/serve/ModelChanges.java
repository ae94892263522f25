package dev.hydra.serve;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Changes what a model is composed of while it is in use, for who has the owner's key. */
public interface ModelChanges {
  /**
   * Swaps components.
   *
   * @param form {@code jar}, {@code sites} (with commas), {@code config}, {@code policy} and {@code
   *     dry_run}, as a JSON object has them
   * @return {@code status}, and {@code lines} for people; a refusal, too
   * @throws IllegalArgumentException if the form cannot be read, or asks for nothing
   * @throws IOException if nobody answers, such as that the model's process ends
   */
  Map<String, Object> swap(Map<String, Object> form) throws IOException;

  /**
   * Undoes the last swap.
   *
   * @return as that of {@link #swap}
   * @throws IOException if nobody answers, such as that the model's process ends
   */
  Map<String, Object> rollback() throws IOException;

  /**
   * Returns what became of the changes so far, the newest first, as the values of JSON objects.
   *
   * @throws IOException if the journal cannot be read
   */
  List<Map<String, Object>> journal() throws IOException;
}
