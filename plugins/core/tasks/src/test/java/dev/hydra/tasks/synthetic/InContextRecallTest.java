package dev.hydra.tasks.synthetic;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.Tasks;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class InContextRecallTest {
  private final Task task =
      Tasks.create(new InContextRecallFactory(), "length = 30, keys = 8, values = 11");

  @Test
  void everyExampleIsInOrder() {
    Tasks.check(task);
  }

  @Test
  void whatIsAskedForIsTheValueThatTheKeyHadBefore() {
    for (int seed = 0; seed < 50; seed++) {
      Example example = Tasks.example(task, 0, seed);
      int[] tokens = example.tokens();
      assertEquals(29, tokens.length);
      Map<Integer, Integer> values = new HashMap<>();
      for (int i = 0; i < tokens.length; i += 2) {
        Integer known = values.get(tokens[i]);
        assertEquals(known == null ? Example.NONE : known, example.targets()[i]);
        if (i + 1 < tokens.length) {
          values.put(tokens[i], tokens[i + 1]);
          assertEquals(Example.NONE, example.targets()[i + 1]);
        }
      }
      assertEquals(values.get(tokens[28]), example.targets()[28]);
    }
  }
}
