"""What the user asks for outright: the big model, or a quick answer; pure.

Owns telling a wish from a mere mention: "use gpt-oss for this" is a wish, "how do I use
gpt-oss?" and "gpt-oss crashes" are not. A wish fills a clause of its own, from its start.
Does not own what follows from it (``rubric``).
"""

# ruff: noqa: RUF001 (marks of other scripts are meant)

import re
from typing import Literal

from acp_agent.routing.wish_words import ABOUT, BY_ITSELF, DO_WITHOUT, HAND_ON, NAME

Wish = Literal["big_model", "quick_answer"]

_LENGTH = 400
"""Characters at either end that are read: a wish stands at the start or the end."""

_CLAUSE_END = re.compile(r"[;!?¿¡,\n。！？，：、—–…،؟।]|[.:](?=\s|$)")

_POLITE = (
    r"(?:(?:please|bitte|s'il te plaît|stp|svp|por favor|per favore|пожалуйста|请|من فضلك|कृपया|"
    r"and|then|und|dann|et|y|e|и|ok|okay|hey|go ahead and|no|não|nein|non|нет|"
    r"(?:can|could|would|will) you|kannst du|peux-tu|puedes|pode|puoi)\b ?)*"
)
_MODEL = (
    r"(?:(?:the |das |dem |le |au |el |al |o |ao |pro |il |у |لل|ال)?"
    r"(?:gpt[-_ ]?oss(?:[-_: ]?\d+b)?"
    r"|(?:20b|big|bigger|biggest|large|larger|strong|stronger) (?:model|one)"
    r"|(?:große|größere|starke|großen|größeren|starken) modell"
    r"|(?:plus )?(?:grand|gros) modèle|modelo (?:más )?grande|modelo maior|modello (?:più )?grande"
    r"|(?:большую|сильную|большой|большая) модел[ьи]|大模型|大き[ない]モデル|큰 모델"
    r"|نموذج الكبير|बड़े मॉडल))"
)
_FILL = (
    r"(?:please |bitte |dafür |hierfür |dazu |dabei |mal |doch |lieber |stp |svp |"
    r"por favor |per favore |для этого |лучше )*"
)
_USE = (
    r"(?:use|ask|take|try|(?:delegate|hand|send|give|pass) (?:this |that |it )?(?:over )?to|"
    r"switch to|with|benutze?|nutze?|nimm|verwende|frage?|mit|utilise|demande(?: à)?|prends|"
    r"passe par|avec|usa|utiliza|con|preg[uú]nta(?:le)? a?|use|utilize|com|"
    r"pergunt[ae](?: a)?|manda (?:isso |esto )?(?:para|pro|a)?|chiedi(?: a)?|utilizza|"
    r"используй(?:те)?|возьми|спроси|请?用|使用|问问?|(?:请)?交给|استخدم|اسأل)"
)
_PURPOSE = (
    r"(?: (?:for|on) (?:this|that|it|these)\b.*| to \w.*| then .*"
    r"| and (?:answer|explain|fix|implement|refactor|show|tell|write).*| here| now| please| again"
    r"| instead(?! of).*| dafür| hierfür| dazu| bitte| für diese.*| um .*| was .*| wie .*"
    r"| what .*| how .*| ce que .*| qu[eé] .*| cómo .*| o que .*| cosa .*| что .*| как .*"
    r"| pour (?:ça|cela|ce|cette|cet)\b.*| stp| svp| para (?:esto|isto|isso|esta)\b.*| p?ra isso"
    r"| por favor| per questo| per favore| пожалуйста| для (?:этого|этой)\b.*| чтобы .*"
    r"| لهذا.*| من فضلك| ?(?:来|处理|回答|重构|写|实现|分析).*)?"
)
_BIG = re.compile(
    rf"{_POLITE}(?:{_USE} ?{_FILL}{_MODEL}{_PURPOSE}"
    rf"|(?:let|have) {_MODEL} (?:do|handle|answer|write|solve|think|explain|fix|look).*"
    rf"|(?:i want|i'd like|i would like) {_MODEL} (?:to|for) (?:this|that|it|answer|do|handle)\b.*"
    rf"|lass {_MODEL} (?:das|dies|es)\b.*|que (?:lo haga|responda|conteste) {_MODEL}"
    rf"|пусть {_MODEL} (?:ответит|сделает|решит).*|(?:让|叫){_MODEL} ?(?:来|回答|处理|做|写).*)"
    rf"|(?:これは)?{_MODEL} ?(?:を使って|で答えて|でお願い|に任せて|にやらせて|に聞いて).*"
    rf"|{_MODEL} ?(?:로 답해|를 사용해|을 사용해|에게 물어|한테 물어|에 물어).*"
    rf"|@{_MODEL}(?: .*)?|{_MODEL} (?:से पूछो|से करो|से जवाब|का उपयोग करो|का इस्तेमाल करो|इस्तेमाल करो).*"
)

_ONLY = (
    r"(?:(?:just|only|give me|i (?:just |only )?(?:want|need)|nur|gib mir|donne[- ]moi|juste|dame|"
    r"solo|só|dammi|дай|просто|只要|给我) ?)*(?:an? |eine |une |una |uma )?"
)
_QUICK_ANSWER = (
    r"(?:(?:real |very )?(?:quick|short|brief|one[- ](?:line|word|sentence)) "
    r"(?:answer|question|reply|one|q)|real quick|briefly|in (?:a|one|two) (?:words?|sentences?)|"
    r"answer (?:briefly|quickly|in one (?:word|sentence))|(?:kurze|schnelle) (?:antwort|frage)|"
    r"kurz und knapp|kurz gesagt|(?:antworte|sag)(?: mir)? kurz|(?:antworte |sag )?in einem satz|"
    r"réponse (?:rapide|courte|brève)|question rapide|(?:réponds )?(?:en bref|en une phrase)|"
    r"réponds (?:vite|brièvement)|"
    r"(?:respuesta|pregunta) (?:rápida|corta|breve)|en breve|"
    r"(?:respond[ea]|contesta) (?:breve(?:mente)?|rápido|rapidinho|em uma frase)|"
    r"en (?:una frase|dos palabras|pocas palabras)|em poucas palavras|en peu de mots|"
    r"(?:just )?(?:tell me|explain|say) briefly\b.*|answer (?:it |this )?yourself|"
    r"باختصار .*|छोटा जवाब|(?:em|in) (?:uma|una) (?:frase|parola)|in due parole|"
    r"resposta (?:rápida|curta|breve)|pergunta rápida|rispost?a (?:rapida|breve)|in breve|"
    r"rispondi (?:in breve|brevemente)|domanda veloce|"
    r"(?:короткий|быстрый|краткий) (?:ответ|вопрос)|(?:ответь |скажи )?(?:кратко|коротко)|"
    r"(?:одним словом|в двух словах|одной фразой)|(?:快速|简短|简单|简要|一句话)回答|"
    r".*一两句话(?:就行|即可)|(?:手短に|簡潔に|一言で)(?:答えて.*|教えて.*|お願い.*)?|"
    r"간단히 답해.*|짧게 답해.*|한 (?:문장|마디)으?로 (?:답해|말해).*|"
    r"tl;?dr|keep it (?:short|brief)|(?:just )?(?:a )?yes or no|no long (?:answers?|explanations?)|"
    r"(?:nur )?(?:ganz )?kurz|in einem wort|ja oder nein|vite fait|(?:réponds )?en une ligne|"
    r"oui ou non|(?:respond[ea] |contesta )?en una (?:línea|palabra)|s[íì] o no|rápido|rapidinho|"
    r"(?:responde |responda )?em uma (?:linha|palavra)|sim ou não|в одно слово|да или нет|"
    r"(?:简单|简短)(?:说|讲)?(?:一下|一点|回答)?(?:就行|即可)?|一句话(?:说明|解释|概括)?.*|"
    r"(?:さくっと|簡単に|短く)(?:答えて|教えて|お願い).*|一言|手短|"
    r"짧게|간단히|빨리 (?:답해|알려).*|"
    r"(?:أجب )?باختصار|بكلمة واحدة|بجملة واحدة|سؤال سريع|"
    r"(?:बस )?(?:छोटा जवाब दो|जल्दी बताओ|एक लाइन में(?: बताओ)?)|"
    r"(?:جواب|إجابة) (?:سريع|قصير|مختصر)ة?|باختصار|"
    r"(?:जल्दी से|संक्षेप में|एक (?:वाक्य|शब्द|लाइन) में)(?: (?:बताओ|बताइए|जवाब दो))?)"
    r"(?: only| please| bitte| will do| is enough| svp| stp| por favor)?"
)
_NOT_BIG = (
    rf"(?:(?:do not|don't|don’t|never) (?:{_USE}|bother|need) {_MODEL}"
    rf"|(?:do not|don't|don’t) delegate\b.*|no need (?:to (?:use|ask|bother)|for) {_MODEL}"
    rf"|skip {_MODEL}|(?:without|ohne|sans|sin|sem|senza|без) {_MODEL}(?= ?$| please$| bitte$)"
    rf"|(?:no|without) delegat(?:ion|ing)|(?:benutze|nutze|nimm|verwende) {_MODEL} nicht"
    rf"|(?:n'utilise pas|pas besoin de|inutile de demander à) {_MODEL}"
    rf"|no (?:uses|utilices|hace falta) {_MODEL}|(?:não use|não precisa d[eo]) ?{_MODEL}"
    rf"|non usare {_MODEL}|не (?:используй(?:те)?|гоняй|трогай|надо) {_MODEL}"
    rf"|(?:不要用|不用|别用) ?{_MODEL}|{_MODEL}[はを]使わ(?:ないで|ずに)"
    rf"|brauchst du {_MODEL} nicht|(?:別に)?{_MODEL}は(?:要らない|いらない|不要)"
    rf"|{_MODEL} की ज़रूरत नहीं|(?:بدون|لا تستخدم) {_MODEL}|{_MODEL} (?:मत|के बिना)|बिना {_MODEL} के)"
)
_QUICK = re.compile(rf"{_POLITE}(?:{_ONLY}{_QUICK_ANSWER}|{_NOT_BIG}(?: .*)?)")

_NAMED = re.compile(_MODEL)
_NAME_PARTS = ("oss", "mod", "one", "модел", "模型", "モデル", "모델", "نموذج", "मॉडल")
"""Parts of the big model's names; a clause without them need not be searched."""

_CLAUSE = re.compile(
    r"[;!?¿¡,\n。！？，：；、—–…،؟।()]| - |[.:](?=\s|$)"
    r"| (?:but|aber|mais|pero|mas|но|for|para|pour|für) (?=[^ ])"
)
_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|「[^」]*」|'[^' ][^']*'")

_ADDRESSED = re.compile(rf"\s*@?(?:{_MODEL}|20b) ?[:：] ")
_ADDRESS = "use gpt-oss"
"""What it means to put the model's name and a colon before a prompt."""

_VERB = re.compile(
    r"\b(?:use|ask|let|have|please|want|run|pass|delegate|hand|send|bitte|will|soll|nimm|nehmen|"
    r"answer|via|take|mach|gib|réponds|passe|fais-le|responde|hazlo|pregúntale|responda|pergunta|"
    r"ответь|сделай|через|أجب|خلي|باستخدام|"
    r"nutzen|benutzen|verwenden|lass|frag|fais|utiliser|utilise|demande|aimerais|que responda|"
    r"que lo haga|usar|usa|pásaselo|pásalo|quero|pede|manda|passa|fai|usare|"
    r"задействуй|использовать|используй|передай|спроси)\b"
    r"|用|让|交给|问|で回答|で答え|を使って|に答えさせ|にお願い|に任せ|로 해|로 답|써서"
    r"|دع|أريد|استخدام|استخدم|بالنموذج|को दो|से करवाओ|से पूछो|का इस्तेमाल|use करो"
)
_FILLING = re.compile(
    r"\b(?:please|use|using|ask|let|have|want|run|pass|delegate|hand|send|i want|i'd like|via|"
    r"take|get|give|mit|passe|mach|gib|das|an|weiter|ran|große|dem|réponds|avec|fais-le|ça|le|au|responde|"
    r"con|com|hazlo|pregúntale|responda|pergunta|ao|ответь|сделай|через|أجب|خلي|يجاوب|باستخدام|ب|"
    r"i would like|to|for|on|with|through|over|this|that|it|these|one|the|a|now|here|"
    r"handle|answer|do|solve|look at|look|at|(?:can|could|would|will) you|me|and|instead|again|"
    r"bitte|ich will|ich möchte|dass|das|dies|es|soll|dafür|hierfür|dazu|damit|lieber|mal|"
    r"kannst du|nimm|nehmen|nutze|nutzen|benutze|benutzen|verwende|verwenden|lass|machen|macht|"
    r"beantworten|beantwortet|antworten|frag|frage|"
    r"fais|faire|répondre|réponde|j'aimerais que|je veux que|peux-tu|utiliser|utilise|demande|"
    r"pour|ça|cela|stp|svp|à|par|"
    r"quiero que|que|responda|conteste|haga|lo|puedes|podrías|usar|usa|para|esto|eso|a|"
    r"pásaselo|pásalo|por favor|quero que|o|pede|pra|pro|isso|isto|manda|passa|você pode|"
    r"fai|rispondere|puoi|usare|per|questo|favore|"
    r"пожалуйста|задействуй|можешь|использовать|используй|передай|это|этого|для|спроси|у|"
    r"из|دع|يجيب|أريد|استخدام|استخدم|لهذا|من فضلك)\b"
    r"|麻烦|请|问|用一下|一下|用|让|交给|来|回答|看看|处理|这个|这段|代码|问题|给|"
    r"で回答|で答え|に答えさせ|を使って|にお願い|に任せ|して|ください|します|て|これ|は|を|"
    r"대신|로|해줘|해 줘|답해줘|답해|써서|"
    r"इसे|को दो|से|करवाओ|पूछो|का|इस्तेमाल|करके|करो|बताओ|use"
)


def _named(clauses: set[str]) -> list[str]:
    """Those of ``clauses`` that may name the big model."""
    joined = "\n".join(clauses)
    parts = [part for part in _NAME_PARTS if part in joined]
    return [clause for clause in clauses if any(part in clause for part in parts)]


def _is_plain_wish(clause: str) -> bool:
    """Whether ``clause`` names the big model and says nothing else but to use it."""
    named = _NAMED.search(clause)
    if named is None:
        return False
    rest = f"{clause[: named.start()]} {clause[named.end() :]}"
    left = _FILLING.sub(" ", rest)
    return not left.strip() and _VERB.search(rest) is not None


def _find_named(text: str) -> tuple[bool, bool]:
    """Whether a clause of ``text`` does without the big model, or hands on to it, in looser
    words; quotations and code do not count."""
    quick = big = False
    said = _QUOTED.sub(" ", text)
    if NAME.search(said) is None and BY_ITSELF.search(said) is None:
        return False, False
    for clause in _CLAUSE.split(said):
        quick = quick or BY_ITSELF.search(clause) is not None
        if NAME.search(clause) is None or ABOUT.search(clause) is not None:
            continue
        if DO_WITHOUT.search(clause) is not None:
            quick = True
        elif HAND_ON.search(clause) is not None:
            big = True
    return quick, big


def find_wish(prose: str) -> Wish | None:
    """The wish that ``prose``, the prompt without its code, states; contradictory wishes
    are none."""
    ends = prose if len(prose) <= 2 * _LENGTH else f"{prose[:_LENGTH]}\n{prose[-_LENGTH:]}"
    clauses = {" ".join(clause.split()) for clause in _CLAUSE_END.split(ends.lower())} - {""}
    if _ADDRESSED.match(ends.lower()):
        clauses.add(_ADDRESS)
    quick = any(_QUICK.fullmatch(clause) for clause in clauses)
    big = any(_BIG.fullmatch(clause) or _is_plain_wish(clause) for clause in _named(clauses))
    if not quick and not big:
        quick, big = _find_named(ends.lower())
    if quick == big:
        return None
    return "quick_answer" if quick else "big_model"
