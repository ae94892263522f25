package dev.hydra.experiments;

import com.typesafe.config.Config;
import dev.hydra.api.PluginId;
import dev.hydra.tasks.Condition;
import dev.hydra.tasks.Task;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A task of a study.
 *
 * @param name its name there
 * @param config what it was created from
 * @param plugin the plugin that it comes from
 * @param task the task
 */
public record StudyTask(String name, Config config, PluginId plugin, Task task) {
  /** Returns the number of tokens that there are. */
  public int vocabSize() {
    return task.vocabulary().size();
  }

  /** Returns the indices of the conditions that are trained on. */
  public List<Integer> trained() {
    List<Condition> all = task.conditions();
    return IntStream.range(0, all.size()).filter(i -> all.get(i).trained()).boxed().toList();
  }

  /** Returns the most tokens that an example to train on reads. */
  public int length() {
    return trained().stream()
        .mapToInt(i -> task.conditions().get(i).length())
        .max()
        .orElseThrow(() -> new IllegalStateException("task " + name + " trains on nothing"));
  }
}
