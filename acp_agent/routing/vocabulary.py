"""The words that tell a kind of task, for scripts with spaces between words; data only.

Owns English, German, French, Spanish, Portuguese, Italian, Russian and Korean words, and
some Arabic ones. Does not own those of other scripts (``vocabulary_unspaced``), how words
are found (``words``), what they weigh (``weights.json``), nor explicit wishes (``wishes``).
"""

# ruff: noqa: RUF001 (marks of other scripts are meant)

# A star stands for any ending. Accents are kept: the text is compared in lower case.
SPACED: dict[str, str] = {
    "code_task": (
        "regex regexp query queries select join function functions python javascript"
        " typescript rust java code script sql algorithm api async cache threads endpoint"
        " compiler parser unittest decorator funktion* programm skript methode klasse abfrage"
        " algorithmus schnittstelle fonction* programme méthode classe requête algorithme"
        " función funciones código programa método clase consulta algoritmo função funções"
        " funzione funzioni codice programma metodo функци* код кода коде скрипт* программ*"
        " метод* класс* запрос* алгоритм* 함수* 코드* 스크립트* 프로그램* 클래스* 알고리즘*"
    ),
    "heavy_task": (
        "implement* refactor* debug* rewrite migrate optimize optimise analyze analyse prove"
        " derive architecture investigate integrate redesign parallelize concurrent"
        " concurrency deadlock* benchmark diagnose vulnerab* profile implementier* refaktor*"
        " überarbeite* migrier* optimier* analysier* beweise* entwirf untersuche* nebenläufig*"
        " umschreib* implément* implemente refactoris* débog* réécri* analyse* démontre*"
        " conçois concevoir enquêt* refactoriza* depura* reescrib* migra demuestra* diseña*"
        " investiga* refatora* reescrev* otimiz* demonstr* projete depure rifattorizza*"
        " riscrivi* ottimizz* analizz* dimostra* progetta* implementa* реализу* рефактор*"
        " отлад* перепиш* оптимизир* проанализ* докаж* спроектир* исследу* 구현* 리팩* 디버*"
        " 최적화* 분석* 증명* 설계* 마이그레* split rework reconstruct port trace stelle"
        " analysiere umzieh* refais scinde sépare refonte divide refatore riprogetta разберись"
        " раздели разбей распил* justify recommend* begründe* empfiehl empfehl* justifie*"
        " recommande* justifica* recomienda* recomend* propón proponha giustifica* consiglia*"
        " proponi обоснуй* посчитай оцени предложи* 제안* 계획* 근거* herleitung herleiten"
        " beweis démonstration démontrer derivación demostración demostrar demonstração"
        " dimostrazione доказательств* доказать"
    ),
    "light_task": (
        "hello hi hey thanks thank okay define synonym translate rename typo typos docstring"
        " shorten hallo danke bedeutet definiere übersetze* tippfehler umbenenn* bonjour salut"
        " merci signifie définis traduis traduire renomme coquille hola gracias significa"
        " traduce renombra errata olá obrigad* traduz* renomei* ciao grazie traduci rinomina"
        " refuso привет спасибо означает переведи опечатк* переимену* 안녕* 감사* 번역* 오타*"
        " english englisch* anglais inglés inglês inglese английск* إنجليزية 영어* reword"
        " paraphrase kürze kürzen raccourcis acorta resume encurta accorcia сократи сокращ*"
        " تصحيح"
    ),
    "prose": (
        "poem story essay email letter speech slogan blog summary summarize summarise"
        " paragraph gedicht geschichte aufsatz brief rede zusammenfassung zusammenfass* absatz"
        " poème histoire dissertation lettre discours résumé résume résumer poema cuento"
        " ensayo carta discurso resumen resume história redação resumo poesia storia lettera"
        " riassunto riassumi стих* рассказ* письмо эссе резюме абзац* 시를 이야기* 편지* 요약*"
        " mail mails reply nachricht antworte respuesta correo réponds resposta rispost* ответ"
        " 메일* 답장*"
    ),
    "lookup": (
        "who whom whose when where wer wann wo qui quand où quién quiénes cuándo dónde quem"
        " quando onde chi dove кто когда где 누가 언제 어디* متى أين"
    ),
    "maths_words": (
        "sum product percent percentage probability integer integers prime equation"
        " polynomial derivative integral triangle angle average median ratio remainder divisor"
        " divisible multiple digits fraction square cube root perimeter area volume vertices"
        " matrix solve calculate compute theorem summe prozent* wahrscheinlichkeit* gleichung*"
        " primzahl* ableitung dreieck* berechne* durchschnitt* verhältnis löse somme pourcent*"
        " probabilité* équation* dérivée intégrale calcule* moyenne suma porcentaje"
        " probabilidad* ecuaci* derivada promedio calcula* soma porcentagem equaç* média somma"
        " percentuale probabilità equazion* calcola* сумм* процент* вероятност* уравнен*"
        " производн* интеграл* вычисл* средн* 합계* 확률* 방정식* 계산* 평균*"
    ),
    "extraction": (
        "extract* parse json csv yaml xml table columns classify categori* convert fields"
        " structured extrahier* tabelle klassifizier* konvertier* spalten extrai* tableau"
        " classe* convertis colonnes extrae* tabla clasific* convierte columnas tabela estrai*"
        " tabella classific* converti извлек* таблиц* классифицир* преобразу* 추출* 표로 분류*"
        " 변환*"
    ),
    "steps": (
        "then next finally afterwards step steps first second third dann danach anschließend"
        " schließlich zuerst schritt* puis ensuite enfin abord étape* luego después primero"
        " finalmente paso pasos depois primeiro passo passos poi infine prima passi затем"
        " потом сначала наконец шаг* 먼저 다음* 그리고 마지막* 단계*"
    ),
    "constraints": (
        "must should exactly only without least most never always except avoid ensure every"
        " muss müssen soll sollen genau nur ohne mindestens höchstens niemals außer vermeide"
        " doit doivent exactement seulement sans moins jamais sauf évite debe deben"
        " exactamente solo sólo sin menos máximo nunca salvo evita deve devem exatamente"
        " apenas sem mínimo devono esattamente senza almeno massimo mai долж* ровно только без"
        " минимум никогда кроме избега* 반드시 정확히 없이 최소* 최대* 절대"
    ),
    "conditions": (
        "if unless suppose assume given provided whether would although either neither wenn"
        " ob würde obwohl entweder weder falls angenommen gegeben sofern si supposons sauf"
        " sachant supongamos dado suponha caso supponi dato если пусть предположим допустим"
        " 만약 경우*"
    ),
    "relations": (
        "than twice half fewer less more older younger times remaining rest left third"
        " quarter double triple as before after until during while each every per another"
        " again later same both als jede* während später beide doppelt* hälfte weniger mehr"
        " älter jünger übrig bevor nachdem chaque pendant que deux moitié moins plus restant*"
        " avant après cada mientras doble mitad más menos restante* antes después dobro metade"
        " mais depois doppio ogni metà più meno dopo prima кажд* чем вдвое половин* меньше"
        " больше остал* раньше после 매일 보다 절반 두배 남은"
    ),
    "reasoning": (
        "why explain compare contrast consequences trade-offs tradeoffs because therefore"
        " infer conclude argument valid likely warum erkläre* vergleiche* weshalb folgerung"
        " pourquoi explique* compare* explica* porqué compara* porque spiega* perché"
        " confronta* почему объясни* сравни* поэтому 이유* 설명* 비교* erläuter* détaille*"
        " begründ* detalla* dettagli* подробно подробнее"
    ),
    "edit": (
        "wende fecha feche aplica aplique cierra ferme applique chiudi applica закрой примени"
        " залей 적용* fix add change update remove delete create write move edit replace"
        " implement* refactor* migrate rename design build review audit entwirf entwerfe baue"
        " überprüfe behebe korrigier* füge ergänze ändere entferne erstelle schreib* ersetze"
        " implementier* refaktor* conçois construis corrige ajoute modifie supprime crée écris"
        " remplace diseña construye revisa arregla añade agrega cambia elimina crea escribe"
        " reemplaza corrija adicione mude remova crie escreva projeta costruisci rivedi"
        " correggi aggiungi modifica rimuovi scrivi исправ* добав* измени* удали* созда*"
        " напиши замени* спроектир* построй проверь 설계* 검토* 수정* 추가* 변경* 삭제* 생성*"
        " 작성* split port convert make set extract rework schreibe stelle stell mach teile"
        " refais divise migre sépare divide pasa separa implementa implemente refatore"
        " refatora converta ajuste riprogetta dividi correggila correggilo раздели перенеси"
        " сделай почини покрой разбери переведи 바꿔* 고쳐* 나눠* 분리* arregl* arrégl* añad*"
        " agreg* diseñ* rediseñ* migr* optimiz* investig* conviert* separ* divid* correg*"
        " corrig* aggiung* spezz* progett* riprogett* ottimizz* analizz* rifattor* sposta*"
        " corrij* adicion* refator* conserta* resolv* trouv* ajout* optimis* réécri* sépar*"
        " conçoi* finde ergänz* baut stellt найди найти исправь добавь вынеси ускорь внедри"
        " cria gera monta escreve descobre muda faça gere bau zeig génère"
    ),
    "scope": (
        "repository repo codebase project workspace folder directory files modules projekt"
        " codebasis verzeichnis ordner dateien projet dépôt dossier fichiers proyecto"
        " repositorio carpeta archivos projeto repositório pasta arquivos progetto cartella"
        " проект* репозитори* папк* файлы файлах файлов 프로젝트* 저장소* 폴더* 파일들*"
    ),
    "run": (
        "run tests build execute install commit deploy pytest lint führe baue installier*"
        " exécute lance installe ejecuta pruebas instala testes instale esegui installa"
        " запусти* тесты собери установи 실행* 테스트* 빌드* 설치*"
    ),
    "hard_topic": (
        "deadlock* livelock* concurren* thread threads threadsafe lock locks locking mutex*"
        " leak leaks leaking flaky intermittent* sporadic* occasional* crashes crashing"
        " bottleneck* latency throughput scalab* scaling distributed idempoten* transaction*"
        " rollback* downtime outage* replicat* shard* failover backpressure reconnect* retries"
        " security vulnerab* injection csrf xss oauth encrypt* authentication authorization"
        " tenants multitenant architect* tradeoff* invariant* lockfree atomic* e2e fuzz*"
        " regression coverage benchmark* websocket* raft crdt kubernetes k8s compiler parser"
        " interpreter scheduler allocator migration* backwards sicherheitslücken"
        " race-condition nebenläufig* verklemm* wettlauf* speicherleck* leck sporadisch*"
        " gelegentlich* manchmal abstürz* absturz* stürzt hängt skalier* verteilt* konsisten*"
        " transaktion* sicherheit* angriff* architektur* ausfall* ausfäll* lücke* engpass*"
        " entwurf rückwärtskompatib* leistung concurrence interblocage* fuite* fuit verrou*"
        " parfois plante bloque sécurité vulnérab* distribué* cohéren* panne* reprise* goulot*"
        " rétrocompatib* concurrencia interbloqueo* fuga* bloqueo* veces intermiten* seguridad"
        " distribuid* transacc* migraci* arquitectura reintent* caídas rendimiento"
        " concorrência impasse* vazamento* vazando bloqueio* segurança distribuíd* consistên*"
        " transaç* migraç* arquitetura desempenho retentativ* concorrenza stallo perdita"
        " sicurezza distribuit* coeren* transazion* migrazion* architettura prestazioni гонк*"
        " взаимоблокиров* дедлок* утечк* блокиров* иногда падает зависа* безопасн* уязвим*"
        " распредел* согласован* транзакц* миграц* архитектур* откат* отказ* параллел*"
        " конкурент* идемпотент* масштаб* нагрузк* производительн* атак* 동시* 교착* 누수*"
        " 가끔 보안* 취약* 분산* 일관* 트랜잭션* 아키텍처* 장애* 성능* fails failing broken"
        " memory slow fallan falla falham falha échoue échouent fallisce falliscono schlägt"
        " fehl langsam lento lenta lent падают ломается медленно тормозит зависает sperre*"
        " doppelt* duplicados duplicate* doublon* дубл* двойн*"
    ),
    "breadth": (
        "repository repo codebase project monorepo everywhere modules module callers usages"
        " subsystem endpoints projekt* codebasis überall gesamte* ganze* ganzen komplett*"
        " modul module* dienste schicht* komponenten projet dépôt partout entier* entière*"
        " services composants couche* proyecto repositorio partes módulo módulos servicios"
        " componentes capa capas projeto repositório inteiro inteira serviços camada* progetto"
        " ovunque intero intera modulo moduli servizi componenti проект* репозитори* везде"
        " целиком весь всём всей модул* сервис* компонент* слой слоя 프로젝트* 저장소* 전체*"
        " 모든 모듈* 서비스* 컴포넌트*"
    ),
    "small_thing": (
        "blank newline comment docstring typo* spelling indent* semicolon whitespace comma"
        " capitaliz* capitalis* uppercase lowercase camelcase snake_case variable flag option"
        " shortcut hotkey command syntax default abbreviation stands oneliner button label"
        " color colour title message wording sentence line synonym word port alphabetical*"
        " nachricht meldung fehlermeldung leerzeile kommentar* rechtschreib* einrück*"
        " semikolon leerzeichen großbuchstab* kleinbuchstab* schalter tastenkürzel befehl"
        " abkürzung zeile titel betreff farbe satz wort alphabetisch mensaje mensagem"
        " messaggio vide commentaire* orthograph* virgule majuscule* minuscule* raccourci"
        " commande syntaxe défaut sigle ligne titre couleur phrase bouton mot alphabétique"
        " blanco comentario ortograf* sangr* mayúscula* minúscula* opción atajo comando"
        " sintaxis defecto siglas línea título asunto frase botón palabra alfabétic* branco"
        " comentário vírgula maiúscul* minúscul* variável opção atalho sintaxe padrão linha"
        " assunto cor botão palavra vuota commento virgola maiuscol* minuscol* variabile"
        " opzione scorciatoia sintassi predefinit* riga titolo colore pulsante parola"
        " сообщени* 메시지* пуст* комментари* орфограф* отступ* запят* заглавн* переменн*"
        " флаг* ключ команд* синтаксис* умолчани* аббревиатур* строк* заголов* цвет* фраз*"
        " кнопк* слово 줄 주석* 들여쓰기 변수* 옵션* 단축키* 명령* 기본값* 제목* 색 msg"
        " punctuation zeichensetzung ponctuation puntuación pontuação punteggiatura пунктуац*"
        " grammar grammatik grammaire gramática grammatica грамматик* short kurze kurzer"
        " kurzen court courte corto corta curto curta breve короткое короткий короткую 짧은"
    ),
    "question": (
        "what whats which how difference mean means was welche welcher welches wie"
        " unterschied heißt quoi quel quelle quels comment différence qué cuál cómo diferencia"
        " cuánto cuántos cuánta qual como diferença quanto quantos serve cosa quale come"
        " differenza что какой какая какое какие как сколько чем отличается разница 뭐* 무엇*"
        " 어떻게 차이* ما ماذا كيف هل كم الفرق"
    ),
    "tests": "test tests testfälle testfall pruebas teste testes тест* 테스트*",
    "courtesy": (
        "hello hi hey thanks thank thx cheers ok okay great perfect awesome nice cool works"
        " good morning hallo moin servus danke super passt perfekt merci salut bonjour parfait"
        " gracias hola genial perfecto obrigad* valeu olá oi grazie ciao perfetto спасибо"
        " привет отлично супер здравствуйте ty tysm yw np thankyou thnx merged sweet lovely"
        " brilliant legend yep yes no nope sure fine alles klar jo ja nein dankeschön vielen"
        " tausend herzlichen spitze prima klasse ça impeccable impec nickel d'accord oui non"
        " top parfaitement génial bravo vale listo dale estupendo fenomenal mil muchas sí"
        " entendido muchísimas buenas show blz beleza massa certo perfeito isso brigad* vlw"
        " entendi sim perfetta benissimo ottimo va capito sì mille figata спс благодарю ок"
        " окей понял поняла ясно да нет ага класс здорово круто огонь ура 네 넵 좋아* 알겠*"
        " 됐* 오케이 완벽* 최고* 수고* 안녕* 감사* 고마* شكرا مرحبا ممتاز أهلا"
    ),
    "software": (
        "css html div func boolean int stdout stderr terminal ubuntu debian macos neovim"
        " emacs vscode tmux ssh grep sed awk chmod zip var config commit rebase diff pr repo"
        " linter formatter eslint prettier pytest jest cargo pip uv poetry conda python php"
        " haskell scala elixir lua matlab nextjs laravel tailwind webpack vite numpy pandas"
        " polars pytorch tensorflow cuda opencl opengl vulkan godot arduino esp32 stm32"
        " firmware uart i2c mqtt bluetooth ble dma navbar checkbox router login logout signup"
        " password dashboard importer exporter parser cron batch etl dag airflow dbt snowflake"
        " bigquery parquet offset cluster cert certs rollout staging preprod handler enum"
        " struct undefined nan exception keyerror typeerror valueerror segfault makefile cmake"
        " compiler linker pipeline script regex json server servers database databases db"
        " postgres* mysql mariadb sqlite redis kafka rabbitmq elasticsearch clickhouse docker"
        " kubernetes k8s helm terraform aws azure gcp nginx linux android ios flutter vue"
        " svelte django flask fastapi node npm maven gradle git github gitlab ci pipeline*"
        " deploy* backend backends frontend middleware api apis grpc graphql websocket* http"
        " https yaml csv orm crud cqrs jwt oauth tls ssl dns tcp udp cpu gpu logging"
        " typescript javascript kotlin golang wasm llvm cli sdk ide plugin* microservice*"
        " callback* socket* mutex* async schema schemas p99 ui saas stacktrace requests app"
        " dienst dienste datenbank* anfragen warteschlange* schnittstelle* anwendung*"
        " oberfläche* serveur* bdd requêtes servidor* aplicaci* petici* aplicativo* requisiç*"
        " richieste utenti usuarios usuários utilisateurs nutzer benutzer сервер* сервис* баз*"
        " приложени* логов логи логах очеред* клиент* пользовател* бэкенд* фронт* 서버* 앱*"
        " 데이터베이스* 서비스* 시스템* reactjs mongodb webserver nodejs endpoints"
        " applicazione gpus float floats bytes runtime compile* kernel driver payload*"
        " timestamp* timezone* utc webhook* protobuf dom ssr cors cdn s3 browser* localhost vm"
        " vms container* file files dump datei dateien browser navigateur conteneur*"
        " déploiement* fichier* navegador contenedor* despliegue* archivo* arquivo* браузер*"
        " контейнер* деплой* файл* 브라우저* 컨테이너* 파일*"
    ),
}
"""Each kind and its words, separated by spaces."""
