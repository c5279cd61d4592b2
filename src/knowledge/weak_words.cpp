#include "knowledge/weak_words.hpp"

namespace capeai::knowledge {

const std::string_view kWeakWords =
    "able according across actual actually ago allow almost alone along already also although always "
    "among another answer anybody anyhow anyone anything anyway anywhere apart appear appropriate around "
    "aside ask asking available away back become begin behind believe best better beyond big bit bring "
    "call came cannot case cause certain certainly clearly come common completely concerning consider "
    "contain could course currently deal define describe described desire detail determine difference "
    "different discuss done easily easy effect either else end enough entirely especially etc even ever "
    "every everybody everyone everything everywhere exactly example except exist explain fairly far find "
    "first five follow following found four gain generally get give given go goes going gone good got "
    "great happen happens hardly hello help hence hi hold hopefully however huge idea ignored immediate "
    "include including indeed indicate inside instead investigate inward keep kind know known knows large "
    "last lately later latter least less let like liked likely little long look looking lot made mainly "
    "make making many may maybe mean means meanwhile merely might mine moreover mostly much must namely "
    "near nearly necessary need needed neither never nevertheless new next nine nobody none normally "
    "nothing nowhere obtain obtained obviously often oh ok okay old one ones onto others otherwise ought "
    "outside overall particular particularly people per perhaps place please possible possibly presumably "
    "probably problem provide purpose put question quite rather really reason reasonably regarding "
    "regardless regards related relatively respectively right said saw say says second secondly see seem "
    "seen seldom sense serious seriously set several shall show shown since six small somebody somehow "
    "someone something sometime sometimes somewhat somewhere soon sorry sort specified still stuff "
    "suggest sure take taken talk tell tend thank thanks therefore thing things think third thorough "
    "thoroughly though three throughout thus together took toward tried try trying turn two type "
    "unfortunately unless unlikely unto upon us use used useful user uses using usually value various via "
    "want wants way ways welcome well went whatever whence whenever whereas wherever whether whither "
    "whoever whole whose willing wish within without wonder work works would yes yet zero ";

}  // namespace capeai::knowledge
