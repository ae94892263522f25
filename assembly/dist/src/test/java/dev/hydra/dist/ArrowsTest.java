package dev.hydra.dist;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import dev.hydra.mixer.planted.Misfit;
import dev.hydra.planted.internal.Hidden;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Arrows point down only: from the assembly to tools, to core and components, to the API; between
 * the packages of a module, too; and never between components.
 */
class ArrowsTest {
  private static final String[] ASSEMBLY = {"dev.hydra.launcher..", "dev.hydra.cli.."};
  private static final String[] OSGI = {
    "org.osgi.framework..", "org.osgi.util..", "org.apache.felix.."
  };

  private static final String[] COMPONENTS = {
    "mixer.mamba",
    "mixer.attention",
    "mixer.deltanet",
    "ffn.dense",
    "ffn.moe",
    "router.topk",
    "memory.workspace",
    "memory.pkm"
  };

  /** Every package that is not a component's, with all that it may use of the project. */
  private static final Map<String, String[]> MAY_USE = mayUse();

  private static Map<String, String[]> mayUse() {
    Map<String, String[]> rules = new LinkedHashMap<>();
    String[] libtorch = {"api", "libtorch.."};
    rules.put("api", new String[] {});
    rules.put("api.host", new String[] {"api"});
    rules.put("libtorch.io", new String[] {"api"});
    rules.put("libtorch.runtime", new String[] {"api"});
    rules.put("libtorch.safetensors", new String[] {"api", "libtorch.runtime", "libtorch.io"});
    rules.put("libtorch.autograd", new String[] {"api", "libtorch.runtime"});
    rules.put(
        "libtorch.nn",
        new String[] {"api", "libtorch.runtime", "libtorch.autograd", "libtorch.kernels"});
    rules.put("libtorch.graphs", new String[] {"api", "libtorch.runtime", "libtorch.kernels"});
    rules.put("libtorch.kernels", new String[] {"api", "libtorch.runtime", "libtorch.io"});
    rules.put("composer.config", new String[] {"api"});
    rules.put("composer.spec", new String[] {"api", "composer.config"});
    rules.put("composer.model", with(libtorch, "composer.config", "composer.spec"));
    rules.put(
        "composer.swap", with(libtorch, "composer.config", "composer.spec", "composer.model"));
    rules.put("data..", with(libtorch, "chat"));
    rules.put("chat", new String[] {"api", "libtorch.io", "chat.jinja"});
    rules.put("chat.jinja", new String[] {"api"});
    rules.put("tasks", new String[] {"api"});
    rules.put("tasks.synthetic", new String[] {"api", "tasks"});
    rules.put("tasks.text", new String[] {"api", "tasks"});
    rules.put("tokenizer.hf", with(libtorch, "data"));
    rules.put("optim..", libtorch);
    rules.put("inference..", with(libtorch, "composer..", "data.."));
    String[] core = with(libtorch, "composer..", "data..", "optim..", "inference..");
    rules.put("trainer.step", core);
    rules.put("trainer.evaluation", with(core, "trainer.step"));
    rules.put("trainer.swap", with(core, "trainer.step"));
    rules.put("trainer.metrics", core);
    rules.put(
        "trainer.run",
        with(core, "trainer.step", "trainer.evaluation", "trainer.swap", "trainer.metrics"));
    rules.put("huggingface..", with(core, "trainer.."));
    rules.put("serve..", with(core, "chat"));
    rules.put("tck..", with(core, "trainer.."));
    rules.put("bench..", with(core, "trainer.."));
    rules.put("experiments.measure", new String[] {"api"});
    rules.put("experiments", with(core, "trainer..", "tasks", "experiments.measure"));
    rules.put("swapproof..", libtorch);
    String[] tools =
        with(
            core,
            "trainer..",
            "huggingface..",
            "tck..",
            "bench..",
            "tasks",
            "experiments..",
            "chat",
            "serve..");
    rules.put("launcher..", new String[] {"api", "api.host"});
    rules.put("cli.common", tools);
    rules.put("cli.scaffold", with(tools, "cli.common"));
    rules.put("cli.page", with(tools, "cli.common"));
    rules.put("cli.compare", with(tools, "cli.common", "cli.page"));
    rules.put("cli.experiment", with(tools, "cli.page"));
    rules.put("cli.plugins", with(tools, "api.host", "cli.common"));
    rules.put("cli.swap", with(tools, "cli.common", "cli.plugins"));
    rules.put("cli.swapbench", with(tools, "cli.common", "cli.plugins", "cli.swap"));
    rules.put("cli.watch", with(tools, "cli.common", "cli.page", "cli.compare", "cli.swap"));
    rules.put("cli", with(tools, "api.host", "cli.."));
    return rules;
  }

  private static String[] with(String[] some, String... more) {
    return Stream.concat(Arrays.stream(some), Arrays.stream(more)).toArray(String[]::new);
  }

  private static final ArchRule OSGI_STAYS_OUTSIDE =
      noClasses()
          .that()
          .resideOutsideOfPackages(ASSEMBLY)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(OSGI);

  private static final JavaClasses PROJECT =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.hydra");

  @TestFactory
  Stream<DynamicTest> componentsMeetThroughTheApiOnly() {
    return Arrays.stream(COMPONENTS)
        .map(
            own ->
                DynamicTest.dynamicTest(
                    own, () -> uses(own + "..", "api", "libtorch..").check(PROJECT)));
  }

  @TestFactory
  Stream<DynamicTest> packagesUseWhatIsBelowThem() {
    return MAY_USE.entrySet().stream()
        .map(
            rule ->
                DynamicTest.dynamicTest(
                    rule.getKey(), () -> uses(rule.getKey(), rule.getValue()).check(PROJECT)));
  }

  /** A package without a rule would be checked by none. */
  @Test
  void everyPackageHasARule() {
    Set<String> without =
        PROJECT.stream()
            .filter(
                each ->
                    Stream.concat(
                            MAY_USE.keySet().stream(),
                            Arrays.stream(COMPONENTS).map(name -> name + ".."))
                        .noneMatch(rule -> resideInAPackage("dev.hydra." + rule).test(each)))
            .map(JavaClass::getPackageName)
            .collect(Collectors.toCollection(TreeSet::new));
    assertEquals(Set.of(), without);
  }

  @Test
  void packagesAreFreeOfCycles() {
    slices().matching("dev.hydra.(**)").should().beFreeOfCycles().check(PROJECT);
  }

  @Test
  void internalPackagesAreUsedByTheirOwnModuleOnly() {
    internalsStayInside().check(PROJECT);
  }

  @Test
  void onlyTheAssemblyKnowsOsgi() {
    OSGI_STAYS_OUTSIDE.check(PROJECT);
  }

  /** The rules would notice: this class breaks three of them. */
  @Test
  void plantedViolationsAreFound() {
    JavaClasses planted = new ClassFileImporter().importClasses(Misfit.class, Hidden.class);
    AssertionError component =
        assertThrows(
            AssertionError.class,
            () -> uses("mixer.planted..", "api", "libtorch..").check(planted));
    assertThat(component.toString()).contains("dev.hydra.composer.model.Model");
    assertThrows(AssertionError.class, () -> OSGI_STAYS_OUTSIDE.check(planted));
    AssertionError internal =
        assertThrows(AssertionError.class, () -> internalsStayInside().check(planted));
    assertThat(internal.toString()).contains("dev.hydra.planted.internal.Hidden");
  }

  @Test
  void plantedCyclesAreFound() {
    JavaClasses planted = new ClassFileImporter().importClasses(Misfit.class, Hidden.class);
    assertThrows(
        AssertionError.class,
        () -> slices().matching("dev.hydra.(**)").should().beFreeOfCycles().check(planted));
  }

  /** Classes of a package use of the project nothing but that package and those allowed. */
  private static ArchRule uses(String own, String... allowed) {
    String[] packages =
        Arrays.stream(allowed).map(name -> "dev.hydra." + name).toArray(String[]::new);
    return classes()
        .that()
        .resideInAPackage("dev.hydra." + own)
        .should()
        .onlyDependOnClassesThat(
            resideInAnyPackage(packages)
                .or(resideInAPackage("dev.hydra." + own))
                .or(resideOutsideOfPackages("dev.hydra..")))
        .allowEmptyShould(false);
  }

  /** A package {@code dev.hydra.a.internal} belongs to the module {@code dev.hydra.a}. */
  private static ArchRule internalsStayInside() {
    return classes()
        .should(
            new ArchCondition<JavaClass>("use internal packages of their own module only") {
              @Override
              public void check(JavaClass user, ConditionEvents events) {
                for (Dependency each : user.getDirectDependenciesFromSelf()) {
                  String used = each.getTargetClass().getPackageName();
                  int at = used.indexOf(".internal");
                  boolean inside =
                      at < 0
                          || (user.getPackageName() + ".").startsWith(used.substring(0, at) + ".");
                  events.add(new SimpleConditionEvent(user, inside, each.getDescription()));
                }
              }
            });
  }
}
